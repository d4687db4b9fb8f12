"""What an agent answers over HTTP. So far: whether it is well, and its figures; the API itself comes later."""
