"""One of the two PIR servers: holds a matrix, answers DPF keys, learns nothing from them."""
