"""What is checked before the product works: settings, keys, stores and the address, each with a sentence."""
