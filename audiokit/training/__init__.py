"""How the networks that ship with the package are trained; needs the extra `training`."""
