//! SET PIN RETRIES and RESET: new codes, and everything new. Where there is a payment key both answer 6985, because the
//! PIN guards it (`application::renewal`).

use wire::apdu::{Command, StatusWord};

use super::super::{Piv, State, status::Refused};
use crate::{
    applet::Step,
    application::{Application, Renewing},
    seams::{CryptoRng, Storage},
};

impl Piv {
    /// SET PIN RETRIES: P1 the PIN's, P2 the PUK's; PIN and PUK become 12345678 both, as a new token's. Wants the
    /// management key and the PIN.
    pub(super) fn set_pin_retries<S: Storage, R: CryptoRng>(
        &mut self,
        application: &mut Application<S, R>,
        command: &Command<'_>,
    ) -> Result<Step, Refused> {
        self.need_management()?;
        if !command.data.is_empty() {
            return Err(StatusWord::WRONG_DATA.into());
        }
        let (pin, puk) = (command.p1, command.p2);
        let profile = application.profile();
        if !(1..=profile.pin_tries).contains(&pin) || !(1..=profile.puk_tries).contains(&puk) {
            return Err(StatusWord::WRONG_P1P2.into());
        }
        self.renew(application, Renewing::Codes { pin, puk })
    }

    /// RESET: once neither PIN nor PUK has a try left.
    pub(super) fn reset<S: Storage, R: CryptoRng>(
        &mut self,
        application: &mut Application<S, R>,
        command: &Command<'_>,
    ) -> Result<Step, Refused> {
        match (command.p1, command.p2, command.data) {
            (0, 0, []) => self.renew(application, Renewing::Everything),
            (0, 0, _) => Err(StatusWord::WRONG_DATA.into()),
            _ => Err(StatusWord::WRONG_P1P2.into()),
        }
    }

    fn renew<S: Storage, R: CryptoRng>(
        &mut self,
        application: &mut Application<S, R>,
        renewing: Renewing,
    ) -> Result<Step, Refused> {
        let job = application.renew(renewing)?;
        // What was proved, was proved to the former token.
        self.managed = false;
        self.state = State::Renewing;
        Ok(Step::Work(job))
    }
}
