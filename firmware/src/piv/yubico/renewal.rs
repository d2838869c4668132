//! SET PIN RETRIES gives the token new codes, and RESET makes everything new. Both answer 6985 where there is a payment key,
//! because the PIN guards that key (`application::renewal`).

use wire::apdu::StatusWord;

use super::super::{Piv, State, status::Refused};
use crate::{
    applet::{Step, Turn},
    application::Renewing,
    seams::{CryptoRng, Storage},
};

impl<S: Storage, R: CryptoRng> Turn<'_, Piv, S, R> {
    /// SET PIN RETRIES: the most tries of PIN and PUK. Both codes become those that everybody knows (`wire::pin`), as on a new
    /// token. The command wants the management key and the PIN.
    pub(in crate::piv) fn set_pin_retries(&mut self, pin: u8, puk: u8) -> Result<Step, Refused> {
        self.applet.need_management()?;
        let profile = self.application.profile();
        if !(1..=profile.brand.pin_tries).contains(&pin) || !(1..=profile.brand.puk_tries).contains(&puk) {
            return Err(StatusWord::WRONG_P1P2.into());
        }
        self.renew(Renewing::Codes { pin, puk })
    }

    /// Begins a renewal. RESET renews everything, and works once neither PIN nor PUK has a try left.
    pub(in crate::piv) fn renew(&mut self, renewing: Renewing) -> Result<Step, Refused> {
        let job = self.application.renew(renewing)?;
        // The host proved the management key to the token as it was before the renewal. That proof ends here: the renewed
        // token may have another management key.
        self.applet.managed = false;
        self.applet.state = State::Renewing;
        Ok(Step::Work(job))
    }
}
