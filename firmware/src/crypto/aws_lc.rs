//! aws-lc's arithmetic, for programs on hosts: multiples of points, and RSA's private operation (docs/decisions/0042-host-arithmetic.md).
//!
//! This page holds all `unsafe` of the firmware, and a chip's build has no such page: the page stands behind the feature `aws-lc`.
//! The safe interface of the crate aws-lc-rs multiplies at half the speed, and offers no RSA on a block that is padded already.
//!
//! The bounds of what is unsafe here:
//! - Each pointer that aws-lc hands out for keeping lies in one value of this page, which frees the pointer once, when dropped.
//! - A pointer into Rust's memory goes with the length of its slice, and aws-lc keeps none after the call.
//! - Null is how aws-lc says that it has no memory. No null pointer leaves the constructor that received it.
//! - Nothing here is shared between threads. aws-lc's errors are a list of the thread, which is emptied after each failure.
//!
//! aws-lc wipes all of its memory from the heap when that memory is freed (`OPENSSL_free`). What its routines leave on the stack,
//! aws-lc wipes in part.

#![allow(unsafe_code, reason = "aws-lc is called as C is called")]

use core::ptr::{NonNull, null, null_mut};

use aws_lc_sys as lc;
use wire::algorithm::Curve;
use zeroize::Zeroizing;

/// The group of a curve, where aws-lc has fast arithmetic for the group.
fn group(curve: Curve) -> Option<*const lc::EC_GROUP> {
    // SAFETY: these functions take nothing, and return the address of a constant.
    unsafe {
        match curve {
            Curve::P256 => Some(lc::EC_group_p256()),
            Curve::P384 => Some(lc::EC_group_p384()),
            Curve::Sm2 => None,
        }
    }
}

/// scalar · G as an uncompressed point (SEC 1, 2.3.3), in constant time for a big-endian scalar of the curve's length that is less
/// than the order. `None`: no memory, or `into` has another length than the point.
pub(super) fn of_base(curve: Curve, scalar: &[u8], into: &mut [u8]) -> Option<()> {
    let group = group(curve)?;
    let (scalar, product) = (Number::read(scalar)?, Point::new(group)?);
    // SAFETY: all are alive and of one group; null stands for no second product and for no context (ec.h).
    told(unsafe {
        let product = product.0.as_ptr();
        lc::EC_POINT_mul(group, product, scalar.pointer(), null(), null(), null_mut())
    })?;
    product.write(group, into)
}

/// scalar · peer, as [`of_base`]. `None` as well for a peer that is no point of the curve, and for the point at infinity.
pub(super) fn of_point(curve: Curve, scalar: &[u8], peer: &[u8], into: &mut [u8]) -> Option<()> {
    let group = group(curve)?;
    let (scalar, peer, product) = (Number::read(scalar)?, Point::read(group, peer)?, Point::new(group)?);
    // SAFETY: all are alive and of one group; null stands for no product with G and for no context (ec.h).
    told(unsafe {
        let (product, peer) = (product.0.as_ptr(), peer.0.as_ptr());
        lc::EC_POINT_mul(group, product, null(), peer, scalar.pointer(), null_mut())
    })?;
    product.write(group, into)
}

/// Whether a function that returns 1 for success succeeded. The reasons of a failure are dropped: the caller needs none.
fn told(done: core::ffi::c_int) -> Option<()> {
    if done == 1 {
        return Some(());
    }
    // SAFETY: empties this thread's list of errors.
    unsafe { lc::ERR_clear_error() };
    None
}

/// A number of aws-lc, wiped when dropped.
struct Number(NonNull<lc::BIGNUM>);

impl Number {
    /// Big-endian. The number is as wide as the bytes, whatever its value (`BN_bin2bn`), so that the width tells nothing.
    fn read(bytes: &[u8]) -> Option<Self> {
        // SAFETY: pointer and length of one slice; null asks for a new number.
        NonNull::new(unsafe { lc::BN_bin2bn(bytes.as_ptr(), bytes.len(), null_mut()) }).map(Self)
    }

    const fn pointer(&self) -> *const lc::BIGNUM {
        self.0.as_ptr()
    }
}

impl Drop for Number {
    fn drop(&mut self) {
        // SAFETY: this value alone owns the number.
        unsafe { lc::BN_clear_free(self.0.as_ptr()) }
    }
}

/// A point of aws-lc, wiped when dropped.
struct Point(NonNull<lc::EC_POINT>);

impl Point {
    fn new(group: *const lc::EC_GROUP) -> Option<Self> {
        // SAFETY: the group is a constant of aws-lc.
        NonNull::new(unsafe { lc::EC_POINT_new(group) }).map(Self)
    }

    fn read(group: *const lc::EC_GROUP, bytes: &[u8]) -> Option<Self> {
        let point = Self::new(group)?;
        // SAFETY: the point is of this group; pointer and length of one slice; null stands for no context.
        told(unsafe {
            lc::EC_POINT_oct2point(group, point.0.as_ptr(), bytes.as_ptr(), bytes.len(), null_mut())
        })?;
        Some(point)
    }

    fn write(&self, group: *const lc::EC_GROUP, into: &mut [u8]) -> Option<()> {
        let form = lc::point_conversion_form_t::POINT_CONVERSION_UNCOMPRESSED;
        // SAFETY: the point is of this group; aws-lc writes the whole point into the slice, or nothing.
        let written = unsafe {
            let (from, length) = (self.0.as_ptr(), into.len());
            lc::EC_POINT_point2oct(group, from, form, into.as_mut_ptr(), length, null_mut())
        };
        told(i32::from(written == into.len()))
    }
}

impl Drop for Point {
    fn drop(&mut self) {
        // SAFETY: this value alone owns the point.
        unsafe { lc::EC_POINT_free(self.0.as_ptr()) }
    }
}

/// The numbers of an RSA private key, big-endian (RFC 8017, 3.2).
pub(super) struct RsaNumbers<'a> {
    pub(super) modulus: &'a [u8],
    pub(super) public_exponent: &'a [u8],
    pub(super) private_exponent: &'a [u8],
    pub(super) primes: [&'a [u8]; 2],
    /// d mod (p - 1) and d mod (q - 1).
    pub(super) exponents: [&'a [u8]; 2],
    /// q⁻¹ mod p.
    pub(super) coefficient: &'a [u8],
}

/// An RSA private key of aws-lc, wiped when dropped.
pub(super) struct Rsa(NonNull<lc::RSA>);

// SAFETY: the key has one owner, and aws-lc ties a key to no thread.
unsafe impl Send for Rsa {}

impl Rsa {
    /// `None`: no memory, or numbers that do not belong together (`RSA_check_key`).
    pub(super) fn new(numbers: &RsaNumbers<'_>) -> Option<Self> {
        let [modulus, public, private] =
            [numbers.modulus, numbers.public_exponent, numbers.private_exponent].map(Number::read);
        let [[p, q], [dp, dq]] = [numbers.primes, numbers.exponents].map(|pair| pair.map(Number::read));
        let numbers = [modulus?, public?, private?, p?, q?, dp?, dq?, Number::read(numbers.coefficient)?];
        let [n, e, d, p, q, dp, dq, qinv] = numbers.each_ref().map(Number::pointer);
        // SAFETY: all numbers are alive; aws-lc copies them.
        let key = NonNull::new(unsafe { lc::RSA_new_private_key(n, e, d, p, q, dp, dq, qinv) });
        told(i32::from(key.is_some()))?;
        let key = Self(key?);
        // SAFETY: the key is alive, and nobody else knows it yet. Its owner blinds: see `rsa2048::host`.
        unsafe { lc::RSA_set_flags(key.0.as_ptr(), lc::RSA_FLAG_NO_BLINDING) };
        Some(key)
    }

    /// RSADP and RSASP1 (RFC 8017, 5.1.2 and 5.2.1) without blinding, in constant time. aws-lc raises its result to the public exponent and
    /// compares before it returns the result (`rsa_default_private_transform`). `None`: zero, a block that is not below the modulus, a
    /// result that failed that check, or no memory.
    pub(super) fn raw<const BLOCK: usize>(&mut self, block: &[u8; BLOCK]) -> Option<Zeroizing<[u8; BLOCK]>> {
        let (mut result, mut length) = (Zeroizing::new([0; BLOCK]), 0);
        // SAFETY: the key is alive and this call alone uses the key; both lengths are those of their arrays.
        told(unsafe {
            let (key, into, from) = (self.0.as_ptr(), result.as_mut_ptr(), block.as_ptr());
            lc::RSA_sign_raw(key, &raw mut length, into, BLOCK, from, BLOCK, lc::RSA_NO_PADDING)
        })?;
        (length == BLOCK).then_some(result)
    }
}

impl Drop for Rsa {
    fn drop(&mut self) {
        // SAFETY: this value alone owns the key.
        unsafe { lc::RSA_free(self.0.as_ptr()) }
    }
}
