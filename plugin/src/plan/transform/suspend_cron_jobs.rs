//! `suspendCronJobs: true`: cron jobs that start nothing until someone lets them.

use serde_json::{Value, json};

use super::matching::is_kind;
use crate::plan::field_path::{FieldPath, Step};

pub(super) fn concerns(object: &Value) -> bool {
    is_kind(object, "batch", "CronJob")
}

pub(super) fn apply(object: &mut Value, suspend: bool) -> Result<(), String> {
    let path = FieldPath::new(vec![Step::Field("spec".to_owned()), Step::Field("suspend".to_owned())]);
    path.set(object, json!(suspend)).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_cron_jobs_are_suspended() {
        assert!(concerns(&json!({"apiVersion": "batch/v1", "kind": "CronJob"})));
        assert!(!concerns(&json!({"apiVersion": "batch/v1", "kind": "Job"})));
        let mut object = json!({"spec": {"suspend": false}});
        apply(&mut object, true).unwrap();
        assert_eq!(object["spec"]["suspend"], true);
    }
}
