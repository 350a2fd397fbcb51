"""What a member of a Module is (see module.py)."""

PARAMETER = "parameter"
BUFFER = "buffer"
TRANSIENT_BUFFER = "non-persistent buffer"  # not in the state_dict
MODULE = "module"
