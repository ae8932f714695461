"""Two versions of a dependency, each in an environment of its own, on the same cases: what changed?"""
