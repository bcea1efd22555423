"""Tables, figures and the page: what people read. Imports no PyTorch."""
