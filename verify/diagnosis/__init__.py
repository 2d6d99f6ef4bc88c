"""What is wrong with a recovered network: which layer, which neuron, which sign or weight."""
