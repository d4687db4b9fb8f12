"""Programs in containers of Docker or Podman."""
