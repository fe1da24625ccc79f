"""What a short bundle leaves out, from what its compose files say."""
