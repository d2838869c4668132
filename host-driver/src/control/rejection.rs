//! An answer that refuses a request.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};

use super::view::Refusal;

/// An answer that refuses a request.
pub(super) struct Rejection(pub(super) StatusCode, pub(super) Refusal);

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        (self.0, Json(self.1)).into_response()
    }
}

/// Refuses: what happened, and what to do next.
pub(super) fn reject(status: StatusCode, error: impl Into<String>, next: impl Into<String>) -> Rejection {
    Rejection(status, Refusal { error: error.into(), next: next.into(), shown: None })
}
