//! The program `greenroom`.

fn main() {}
