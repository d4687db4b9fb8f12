"""A double of a Kestra server: the part of its REST API that deploys."""
