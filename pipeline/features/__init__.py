"""Features of videos: windows, networks, flow, weights, and the HDF5 store."""
