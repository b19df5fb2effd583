"""What is done to a picture: inputs, models, pipelines, engines. Knows no web framework."""
