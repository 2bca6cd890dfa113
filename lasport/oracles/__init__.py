"""Who says what a network computes: stored records, the numpy reference, the real Theano."""
