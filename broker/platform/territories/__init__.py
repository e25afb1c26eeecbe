"""`eclor demo --federation`: three territories on one machine, two French ones and a Luxembourgish one."""
