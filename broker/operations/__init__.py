"""One function per operation of clause 5, named as the standard names it; they speak to ports only."""
