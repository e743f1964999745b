# What this folder ships.
