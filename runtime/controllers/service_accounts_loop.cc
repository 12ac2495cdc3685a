#include "objects/schema/core_generated.h"
#include "runtime/client/flat.h"
#include "runtime/controllers/service_accounts.h"

namespace kring::controllers {

bool active(const Object& ns) {
  const auto* status = ns.as<core::Namespace>()->status();
  return !ns.deleting() && (status == nullptr || view(status->phase()) != "Terminating");
}

ServiceAccounts::ServiceAccounts(Env& env, client::Client& client, client::Informer& namespaces)
    : env_(env),
      client_(client),
      namespaces_(namespaces),
      accounts_(env, client, kinds::service_account()),
      queue_(env),
      tasks_(env, "service accounts") {
  namespaces_.on_event([this](const store::Event& event) {
    if (event.type == store::Event::Type::added) queue_.add(std::string{event.object->name()});
  });
  accounts_.on_event([this](const store::Event& event) {
    bool ours = event.object->name() == "default" && event.type == store::Event::Type::deleted;
    if (ours) queue_.add(std::string{event.object->ns()});
  });
}

Task<Result<void>> ServiceAccounts::service_accounts_loop() {
  tasks_.spawn("accounts", &client::Informer::informer_loop, std::ref(accounts_));
  tasks_.spawn("account work", &ServiceAccounts::work_loop, std::ref(*this));
  co_return co_await tasks_.join();
}

Task<Result<void>> ServiceAccounts::work_loop() {
  auto synced = co_await accounts_.wait_synced();
  if (synced.has_error()) co_return synced;
  while (true) {
    auto ns = co_await queue_.pop();
    if (ns.has_error()) co_return ns.error();
    auto done = co_await reconcile(*ns);
    if (done.has_error() && done.error().reason == Reason::canceled) co_return done;
    if (done.has_error()) {
      env_.log.warn("default service account not made", {{"namespace", *ns}, {"error", done.error()}});
      queue_.retry(*ns);
    } else {
      queue_.done(*ns);
    }
  }
}

Task<Result<void>> ServiceAccounts::reconcile(std::string ns) {
  ObjectPtr space = namespaces_.get({}, ns);
  if (space == nullptr || !active(*space) || accounts_.get(ns, "default") != nullptr) co_return Result<void>{};
  json::Object metadata;
  metadata.set("name", "default");
  metadata.set("namespace", ns);
  json::Object account;
  account.set("apiVersion", "v1");
  account.set("kind", "ServiceAccount");
  account.set("metadata", std::move(metadata));
  auto made = co_await client_.create(kinds::service_account(), ns, json::Value{std::move(account)}, {});
  if (!made.has_error() || made.error().reason == Reason::already_exists) co_return Result<void>{};
  // The namespace began to go meanwhile: it needs none.
  if (made.error().reason == Reason::forbidden || made.error().reason == Reason::not_found) co_return Result<void>{};
  co_return made.error();
}

}  // namespace kring::controllers
