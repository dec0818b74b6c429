"""What the model may say in a turn, as a grammar that masks every token: harmony cannot break."""
