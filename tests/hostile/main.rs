//! What no honest peer does, and what bad luck does: the power, the line, the crowd.

mod power;
mod line;
mod crowd;
