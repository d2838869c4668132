//! What no honest peer does, and what bad luck does: the power, the line, the crowd.

mod power;
mod renewal;
mod line;
mod crowd;
