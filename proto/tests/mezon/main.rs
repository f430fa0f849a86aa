//! The promises of the module `mezon`.

mod fill;
mod frames;
mod ids;
mod odd;
mod oracle;
mod properties;
mod round_trips;
mod vectors_v1;
mod vectors_v2;
