//! What is shown is what is signed, and nothing else is.

use der::Encode;
use firmware::seams::Button;
use payment::{EncodedOrder, order::OrderJson};
use ushield_tests::{
    bench,
    scene::Scene,
    story::{No, Story},
};
use wire::{brand::Brand, piv::Slot, shield::Container};

super::over_each_road!(
    cancel,
    time_out,
    one_pin_one_payment,
    the_order_cannot_be_swapped,
    nothing_but_orders,
    another_keys_request,
    text_that_deceives,
    text_longer_than_the_screen,
);

fn cancel(scene: Scene) {
    let mut token = Story::enrolled(scene);
    token.pay("上海水务", "100.00").shows("上海水务\n¥100.00").press(Button::Cancel).refuses(No::Cancelled);
    token.pay("上海水务", "100.00").press(Button::Ok).verifies();
}

fn time_out(scene: Scene) {
    let profile = bench::profile_of(Brand { prompt_timeout: 1_500, ..scene.make.brand() });
    let mut token = Story::with(scene, profile, Some(bench::PIN));
    token.enrol().succeeds();
    token.pay("上海水务", "100.00").shows("上海水务\n¥100.00").wait().refuses(No::TimedOut);
    token.pay("上海水务", "100.00").press(Button::Ok).verifies();
}

/// GM/T 0027 9.2 c: each signature needs its own identity check, whatever the holder answered.
fn one_pin_one_payment(scene: Scene) {
    let mut token = Story::enrolled(scene);
    let order = token.bank.order("上海水务", "1.00", "CNY", "").to_vec();
    token.verify("135790").succeeds();
    token.shield(|shield| shield.sign_payment(&order)).refuses(No::NotVerified); // selecting spent it
    token
        .shield(|shield| {
            shield.verify(bench::PIN)?;
            shield.sign_payment(&order)?;
            shield.sign_payment(&order)
        })
        .refuses(No::NotVerified);
}

/// A host that shows one order and has another's signature fails at the bank.
fn the_order_cannot_be_swapped(scene: Scene) {
    let mut token = Story::enrolled(scene);
    let shown = token.bank.order("上海水务", "100.00", "CNY", "");
    let wanted = token.bank.order("上海水务", "9100.00", "CNY", "");
    let signature = token
        .shield(|shield| {
            shield.verify(bench::PIN)?;
            shield.sign_payment(&shown)
        })
        .succeeds();
    let certificate = token.shield(|shield| shield.certificate(Container::Payment)).succeeds().unwrap();
    let swapped = payment::seal(&wanted, &[&certificate], |_| Ok::<_, No>(signature.clone()));
    assert!(swapped.is_err(), "not even an honest sealer puts it together");
    let mut sealed = payment::seal(&shown, &[&certificate], |_| Ok::<_, No>(signature)).unwrap();
    let at = sealed.windows(shown.len()).position(|window| *window == *shown).unwrap();
    let amount = at + shown.windows(4).position(|window| window == [2, 2, 0x27, 0x10]).unwrap() + 2;
    sealed[amount] = 0x77;
    assert_eq!(token.bank.verify(&sealed, &shown), Err(payment::Reason::SignatureInvalid));
}

/// The payment key is asked to sign what a thief would like signed.
fn nothing_but_orders(scene: Scene) {
    let mut token = Story::enrolled(scene);
    let order = token.bank.order("上海水务", "1.00", "CNY", "").to_vec();
    let attributes =
        der::asn1::SetOfVec::try_from(vec![der::asn1::OctetString::new(&order[..]).unwrap()]).unwrap();
    let mut longer = order.clone();
    longer.push(0);
    for thing in [&[0x5A; 32][..], &attributes.to_der().unwrap(), &order[1..], &longer, &[], b"hello"] {
        token.pay_order(thing.to_vec()).press(Button::Ok).refuses(No::WrongUse);
    }
    assert_eq!(token.holder.seen(), "", "and nothing was shown");
    token.pay("上海水务", "1.00").press(Button::Ok).verifies();
}

/// The payment key signs requests for itself only, not for the key of somebody else.
fn another_keys_request(scene: Scene) {
    let mut token = Story::enrolled(scene);
    let info = {
        let mut request = Vec::new();
        let key = [0x30, 0x05, 0x03, 0x03, 0x00, 0x01, 0x02];
        request.extend([2, 1, 0]);
        request.extend(b"\x30\x0D\x31\x0B\x30\x09\x06\x03\x55\x04\x03\x0C\x02\x55\x31");
        request.extend(key);
        request.extend([0xA0, 0]);
        wire::tlv::object(0x30, &request)
    };
    for container in [Container::Payment, Container::Piv(Slot::Authentication)] {
        token
            .shield(|shield| {
                shield.verify(bench::PIN)?;
                shield.sign_request(container, &info)
            })
            .refuses(No::WrongUse);
    }
}

fn text_that_deceives(scene: Scene) {
    let mut token = Story::enrolled(scene);
    for payee in ["\u{202E}务水海上", "上海\u{200B}水务", "Pаypal", "上海水务\n¥1.00", "上海\u{2066}水务"]
    {
        // Our own banks issue no such order: the token does not trust a bank that does.
        let fair = token.bank.order("上海水务", "100.00", "CNY", "6月水费");
        let deceiving = OrderJson { payee_name: payee.into(), ..OrderJson::from(fair.order()) };
        let order = EncodedOrder::try_from(&deceiving).expect("an order of the right form").to_vec();
        token.pay_order(order).press(Button::Ok).refuses(No::CannotShow);
    }
    assert_eq!(token.holder.seen(), "");
}

fn text_longer_than_the_screen(scene: Scene) {
    let mut token = Story::enrolled(scene);
    let memo = "补缴二〇二六年第三季度物业管理及公共区域维修基金".repeat(6);
    let order = token.bank.order("上海水务", "100.00", "CNY", &memo).to_vec();
    token.pay_order(order.clone()).shows("上海水务\n¥100.00").press(Button::Ok).verifies();
    token.holder.seen();
    token
        .shield(|shield| {
            shield.verify(bench::PIN)?;
            shield.sign_payment(&order)
        })
        .succeeds();
    let shown: String = token.holder.seen().lines().map(|line| line.trim_start_matches('▸')).collect();
    assert!(shown.contains(&memo), "every character was on some page: {shown}");
}
