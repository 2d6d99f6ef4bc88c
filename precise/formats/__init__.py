"""Networks from and to files: exact JSON, .npz, ONNX, safetensors, and Keras and PyTorch files to read."""

from precise.formats.files import FORMATS, Format, Saved, format_of, load_network, save_network

__all__ = ["FORMATS", "Format", "Saved", "format_of", "load_network", "save_network"]
