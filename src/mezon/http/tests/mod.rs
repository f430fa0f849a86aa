//! The calls, against servers of a few lines.

mod calls;
mod login;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use greenroom_actors::event::Id;
use serde_json::json;

use super::*;
use crate::mezon::config::Settings;
use crate::platform::testing::{answer, header, nobody, request, serve};

/// Answers calls one after another and notes what was asked.
struct Server {
    base: String,
    asked: Rc<RefCell<Vec<String>>>,
}

type Answer = (&'static str, &'static str, Vec<u8>);

async fn server(answers: impl IntoIterator<Item = Answer>) -> Server {
    let answers: Rc<RefCell<VecDeque<_>>> = Rc::new(RefCell::new(answers.into_iter().collect()));
    let asked = Rc::new(RefCell::new(Vec::new()));
    let notes = Rc::clone(&asked);
    let address = serve(move |mut stream| {
        let (answers, notes) = (Rc::clone(&answers), Rc::clone(&notes));
        async move {
            let request = request(&mut stream).await;
            notes.borrow_mut().push(request);
            let next = answers.borrow_mut().pop_front();
            let (status, headers, body) = next.expect("one answer a call");
            answer(stream, status, headers, &body).await;
        }
    })
    .await;
    Server {
        base: format!("http://{address}"),
        asked,
    }
}

impl Server {
    fn line(&self, call: usize) -> String {
        self.asked.borrow()[call].lines().next().unwrap().to_owned()
    }

    fn header(&self, call: usize, name: &str) -> Option<String> {
        header(&self.asked.borrow()[call], name).map(str::to_owned)
    }

    fn body(&self, call: usize) -> String {
        self.asked.borrow()[call]
            .split_once("\r\n\r\n")
            .unwrap()
            .1
            .to_owned()
    }
}

fn client() -> HttpClient {
    HttpClient::new(Duration::from_secs(5), 1 << 20)
}

fn settings(base: &str) -> Settings {
    Settings {
        base_url: base.parse().unwrap(),
        ..Settings::new("1000000000000000001", "sim-mezon-key")
    }
}

async fn log_in_at(server: &Server, wire: Option<Wire>) -> Result<MezonSession, ApiError> {
    let settings = Settings {
        wire,
        ..settings(&server.base)
    };
    MezonSession::log_in(&client(), &settings, 1_000).await
}

fn session_v2() -> Vec<u8> {
    let hex = "1205612e622e631a05642e652e6620818090bbbad6adf00d3215687474703a2f2f3132372e302e302e313a37333530\
               3a05672e682e69420e3132372e302e302e313a37333530";
    let hex = hex.as_bytes();
    hex.chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

const V1: &str = "Content-Type: application/json\r\n";
const V2: &str = "Content-Type: application/proto\r\n";

fn session_v1() -> Vec<u8> {
    br#"{"token":"aaa.bbb.ccc","refresh_token":"ddd.eee.fff","user_id":"1000000000000000001","api_url":"http://127.0.0.1:7350"}"#.to_vec()
}

fn session(wire: Wire, server: &Server) -> MezonSession {
    MezonSession {
        wire,
        token: "token".into(),
        refresh_token: "old refresh".into(),
        id_token: "".into(),
        user_id: Id::from(42),
        api_url: server.base.clone(),
        ws_url: "ws://127.0.0.1:9".to_owned(),
        expires_at: None,
        refresh_expires_at: None,
        created_at: 0,
    }
}

fn api(wire: Wire, server: &Server) -> Api {
    Api::new(&client(), &session(wire, server))
}

fn json_answer(body: &Value) -> Answer {
    ("200 OK", V1, body.to_string().into_bytes())
}

fn proto_answer<M: Wired>(message: &M) -> Answer {
    ("200 OK", V2, mezon::encode(Wire::V2, message))
}
