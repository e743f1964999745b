# Tests of this room.
