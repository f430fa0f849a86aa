//! Runs the simulator from a program of your own, until Ctrl-C.
//!
//! ```text
//! cargo run --example simulator
//! ```

use greenroom::simulator::{Simulator, SimulatorError};

#[actix_rt::main]
async fn main() -> Result<(), SimulatorError> {
    let simulator = Simulator::builder().seed(7).start().await?;
    println!("{}", simulator.ready());
    // an end of the wait by an error is as good as Ctrl-C
    let _ = actix_rt::signal::ctrl_c().await;
    simulator.stop().await;
    Ok(())
}
