//! The program `greenroom`.
