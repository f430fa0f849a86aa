//! What the server writes into its journal about HTTP requests.

use super::hub::Hub;
use super::rest::{Request, Response};
use crate::simulator::{Body, Direction, Http};

impl Hub {
    pub(super) fn note_request(&mut self, request: &Request) {
        let http = Http {
            method: request.method.clone(),
            path: request.target.clone(),
            headers: request.headers.clone(),
            status: None,
        };
        let body = Body::Http {
            bytes: request.body.clone(),
            content_type: request.header("content-type").to_owned(),
        };
        self.journal.push(Direction::In, Some(http), body);
    }

    pub(super) fn note_response(&mut self, request: &Request, response: &Response) {
        let mut headers = response.headers.clone();
        if !response.content_type.is_empty() {
            headers.push(("content-type".into(), response.content_type.clone()));
        }
        let http = Http {
            method: request.method.clone(),
            path: request.target.clone(),
            headers,
            status: Some(response.status),
        };
        let body = Body::Http {
            bytes: response.body.clone(),
            content_type: response.content_type.clone(),
        };
        self.journal.push(Direction::Out, Some(http), body);
    }
}
