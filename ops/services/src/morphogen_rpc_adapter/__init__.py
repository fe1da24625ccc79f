"""JSON-RPC in front of a pair of PIR servers: private reads without trusting either of them."""
