//! The promises of the module `mezon`.

mod fill;
mod frames;
mod ids;
mod json;
mod names;
mod odd;
mod older_wire;
mod oracle;
mod properties;
mod round_trips;
mod vectors_v1;
mod vectors_v2;
