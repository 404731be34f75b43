//! What is put before a message: trace fields, ids, and the key that names it across retries.
