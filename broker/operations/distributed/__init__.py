"""Operations that other brokers and context sources have a part in (clause 4.3.6)."""
