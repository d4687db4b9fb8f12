"""What distinguishes two sets of flows, as a reviewer must know it: pure, from texts and from what is known of them."""
