"""A discrete-event model of gateways, a broker's lanes and workers: `benchmarks/scale_sim.py`."""
