"""What a plan becomes: Keras calls, and the models and sources made of them."""
