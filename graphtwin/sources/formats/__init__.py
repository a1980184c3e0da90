"""What loaders share: the forms that they hand over, and readers of file formats."""
