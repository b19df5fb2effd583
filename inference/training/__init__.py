"""How the embedded segmentation network is made: data, network, loop, export. Needs PyTorch."""
