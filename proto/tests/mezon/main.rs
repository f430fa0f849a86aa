//! The promises of the module `mezon`.

mod fill;
mod hex;
mod ids;
mod oracle;
mod round_trips;
mod vectors_v1;
mod vectors_v2;
