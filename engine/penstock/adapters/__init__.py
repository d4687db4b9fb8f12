"""The world: what stands behind the ports. No adapter leans on another; only `wiring` builds them."""
