"""One job over many small trees, each of them a hazard: how many does a tool get right?"""
