//! Notes in an SQLite database, by the system's own library.

use std::ffi::{c_char, c_int, c_void, CStr, CString};
use std::ptr;

type Callback = extern "C" fn(*mut c_void, c_int, *mut *mut c_char, *mut *mut c_char) -> c_int;

#[link(name = "sqlite3")]
extern "C" {
    fn sqlite3_open(name: *const c_char, db: *mut *mut c_void) -> c_int;
    fn sqlite3_close(db: *mut c_void) -> c_int;
    fn sqlite3_exec(db: *mut c_void, sql: *const c_char, each: Option<Callback>, to: *mut c_void, error: *mut *mut c_char) -> c_int;
}

/// A database in memory.
pub struct Notes(*mut c_void);

impl Notes {
    pub fn new() -> Self {
        let mut db = ptr::null_mut();
        assert_eq!(unsafe { sqlite3_open(c":memory:".as_ptr(), &mut db) }, 0);
        let notes = Self(db);
        notes.rows("create table notes (text)");
        notes
    }

    pub fn add(&self, text: &str) {
        self.rows(&format!("insert into notes values ('{}')", text.replace('\'', "''")));
    }

    pub fn all(&self) -> Vec<String> {
        self.rows("select text from notes order by rowid")
    }

    fn rows(&self, sql: &str) -> Vec<String> {
        extern "C" fn keep(to: *mut c_void, _: c_int, values: *mut *mut c_char, _: *mut *mut c_char) -> c_int {
            let rows = unsafe { &mut *to.cast::<Vec<String>>() };
            rows.push(unsafe { CStr::from_ptr(*values) }.to_string_lossy().into_owned());
            0
        }
        let mut rows: Vec<String> = Vec::new();
        let sql = CString::new(sql).unwrap();
        let to = ptr::from_mut(&mut rows).cast();
        assert_eq!(unsafe { sqlite3_exec(self.0, sql.as_ptr(), Some(keep), to, ptr::null_mut()) }, 0);
        rows
    }
}

impl Drop for Notes {
    fn drop(&mut self) {
        unsafe { sqlite3_close(self.0) };
    }
}

#[test]
fn notes_are_kept_in_order() {
    let notes = Notes::new();
    notes.add("milk");
    notes.add("it's late");
    assert_eq!(notes.all(), ["milk", "it's late"]);
}
