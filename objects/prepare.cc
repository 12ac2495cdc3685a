#include "objects/prepare.h"

#include "objects/base64.h"
#include "objects/qos.h"

namespace kring::prepare {

using json::Array;
using json::Object;
using json::Value;

namespace {

void set_phase(Value& object, std::string_view phase) {
  Object status;
  status.append("phase", phase);
  object["status"] = std::move(status);
}

void merge_string_data(Value& object) {
  Value* texts = object.find("stringData");
  if (texts == nullptr) return;
  if (texts->is_object() && !texts->as_object().empty()) {
    const Object given = texts->as_object();
    Object& data = object.object("data");
    for (const auto& [key, text] : given) {
      if (text.is_string()) data.set(key, base64_encode(std::string_view{text.as_string()}));
    }
  }
  object.as_object().erase("stringData");
}

}  // namespace

void create_pod(Value& object) {
  set_phase(object, "Pending");
  if (const Value* spec = object.find("spec")) object["status"]["qosClass"] = qos_class(*spec);
}

void update_pod(Value& object, const Value& old, std::string_view) {
  // The class is decided once; whoever writes the status cannot change it.
  if (const Value* before = old.at({"status", "qosClass"});
      before != nullptr && object.find("status") != nullptr && object.find("status")->is_object())
    object["status"]["qosClass"] = *before;
}

void create_namespace(Value& object) {
  set_phase(object, "Active");
  Array& finalizers = object["spec"].array("finalizers");
  for (const Value& finalizer : finalizers) {
    if (finalizer.is_string() && finalizer.as_string() == "kubernetes") return;
  }
  finalizers.emplace_back("kubernetes");
}

void create_persistent_volume(Value& object) { set_phase(object, "Pending"); }
void create_persistent_volume_claim(Value& object) { set_phase(object, "Pending"); }

void create_job(Value& object) {
  Value& spec = object["spec"];
  const std::string uid{object["metadata"].string_or("uid")};
  const std::string name{object["metadata"].string_or("name")};
  if (!spec.is_object() || spec.bool_or("manualSelector", false) || uid.empty()) return;
  // A selector of its own, so that two jobs never share pods; the old labels stay for old clients.
  Object& labels = spec["template"]["metadata"].object("labels");
  labels.set("batch.kubernetes.io/job-name", name);
  labels.set("batch.kubernetes.io/controller-uid", uid);
  labels.set("job-name", name);
  labels.set("controller-uid", uid);
  spec["selector"].object("matchLabels").set("batch.kubernetes.io/controller-uid", uid);
}

void create_secret(Value& object) { merge_string_data(object); }
void update_secret(Value& object, const Value&, std::string_view) { merge_string_data(object); }

}  // namespace kring::prepare
