//! The questions that we asked over a connection and that are not answered yet.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jid::Jid;
use tokio::sync::oneshot;

use crate::accounts::Unavailable;
use crate::xmpp::iq::Answer;

/// More than this at once means that the server does not answer.
const MOST: usize = 4096;

/// See the module. `None` once the connection is lost.
#[derive(Debug)]
pub(super) struct Pending(Mutex<Option<HashMap<String, Question>>>);

#[derive(Debug)]
struct Question {
    asked: Jid,
    tell: oneshot::Sender<Answer>,
}

impl Pending {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Some(HashMap::new())))
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.questions().as_ref().map_or(0, HashMap::len)
    }

    fn questions(&self) -> MutexGuard<'_, Option<HashMap<String, Question>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the answer of `asked` to the question `id`, as long as the ticket is kept.
    pub(super) fn register(self: &Arc<Self>, id: &str, asked: &Jid) -> Result<Ticket, Unavailable> {
        let mut questions = self.questions();
        let questions = questions.as_mut().ok_or(Unavailable::LinkDown)?;
        if questions.len() >= MOST {
            return Err(Unavailable::Busy);
        }
        let (tell, answer) = oneshot::channel();
        let question = Question {
            asked: asked.clone(),
            tell,
        };
        questions.insert(id.to_owned(), question);
        Ok(Ticket {
            pending: Arc::clone(self),
            id: id.to_owned(),
            answer,
        })
    }

    /// Hands an answer to who waits for it. `false`: nobody asked that of `from`.
    pub(super) fn answered(&self, from: &Jid, id: &str, answer: Answer) -> bool {
        let mut questions = self.questions();
        let Some(questions) = questions.as_mut() else {
            return false;
        };
        // Whoever guesses an id does not get to answer in another's name.
        if questions
            .get(id)
            .is_none_or(|question| question.asked != *from)
        {
            return false;
        }
        match questions.remove(id) {
            Some(question) => question.tell.send(answer).is_ok(),
            None => false,
        }
    }

    /// The connection is lost: nobody waits any longer.
    pub(super) fn close(&self) {
        self.questions().take();
    }
}

/// Somebody waits for an answer.
#[derive(Debug)]
pub(super) struct Ticket {
    pending: Arc<Pending>,
    id: String,
    answer: oneshot::Receiver<Answer>,
}

impl Ticket {
    /// The answer.
    pub(super) async fn answer(&mut self) -> Result<Answer, Unavailable> {
        (&mut self.answer).await.map_err(|_| Unavailable::LinkDown)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Some(questions) = self.pending.questions().as_mut() {
            questions.remove(&self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jid(text: &str) -> Jid {
        text.parse().unwrap()
    }

    #[tokio::test]
    async fn an_answer_counts_only_from_who_was_asked() {
        let pending = Arc::new(Pending::new());
        let mut ticket = pending.register("1", &jid("localhost")).unwrap();
        assert!(!pending.answered(&jid("eve@localhost"), "1", Ok(None)));
        assert!(!pending.answered(&jid("localhost"), "2", Ok(None)));
        assert!(pending.answered(&jid("localhost"), "1", Ok(None)));
        assert_eq!(ticket.answer().await, Ok(Ok(None)));
        assert!(!pending.answered(&jid("localhost"), "1", Ok(None)));
    }

    #[tokio::test]
    async fn losing_the_link_answers_everybody_and_takes_no_more_questions() {
        let pending = Arc::new(Pending::new());
        let mut ticket = pending.register("1", &jid("localhost")).unwrap();
        pending.close();
        assert_eq!(ticket.answer().await, Err(Unavailable::LinkDown));
        assert_eq!(
            pending.register("2", &jid("localhost")).err(),
            Some(Unavailable::LinkDown)
        );
    }

    #[test]
    fn who_stops_waiting_leaves_nothing_behind() {
        let pending = Arc::new(Pending::new());
        drop(pending.register("1", &jid("localhost")).unwrap());
        assert!(pending.questions().as_ref().unwrap().is_empty());
    }

    #[test]
    fn there_is_an_end_to_questions() {
        let pending = Arc::new(Pending::new());
        let tickets: Vec<_> = (0..MOST)
            .map(|id| {
                pending
                    .register(&id.to_string(), &jid("localhost"))
                    .unwrap()
            })
            .collect();
        assert_eq!(
            pending.register("one more", &jid("localhost")).err(),
            Some(Unavailable::Busy)
        );
        drop(tickets);
    }
}
