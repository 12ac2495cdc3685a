#include "runtime/api/local_client.h"

#include "runtime/api/disruption.h"
#include "runtime/api/filter.h"
#include "runtime/api/selection.h"
#include "runtime/api/status.h"

namespace kring::api {
namespace {

class LocalWatch final : public client::Watch {
 public:
  LocalWatch(std::unique_ptr<store::Watch> watch, Filter filter)
      : watch_(std::move(watch)), filter_(std::move(filter)) {}

  Task<Result<store::Event>> next() override {
    for (;;) {
      auto event = co_await watch_->next();
      if (event.has_error()) co_return std::move(event).error();
      if (filter_.everything()) co_return event;
      if (auto selected = select(*event, filter_)) co_return std::move(*selected);
    }
  }

 private:
  std::unique_ptr<store::Watch> watch_;
  Filter filter_;
};

class LocalClient final : public client::Client {
 public:
  explicit LocalClient(Registry& registry) : registry_(registry) {}

  Task<Result<ObjectPtr>> get(const Kind& kind, client::ObjectName name) override {
    co_return registry_.get(target(kind, std::move(name), {}));
  }

  Task<Result<client::List>> list(const Kind& kind, client::ListOptions options) override {
    auto filter = Filter::make(kind, options.label_selector, options.field_selector);
    if (filter.has_error()) co_return std::move(filter).error();
    store::ListResult all = registry_.store().list(kind, options.ns);
    if (!filter->everything()) {
      std::erase_if(all.objects, [&](const ObjectPtr& object) { return !filter->matches(*object); });
    }
    co_return client::List{all.revision, std::move(all.objects)};
  }

  Task<Result<std::unique_ptr<client::Watch>>> watch(const Kind& kind, client::ListOptions options,
                                                     Revision since) override {
    auto filter = Filter::make(kind, options.label_selector, options.field_selector);
    if (filter.has_error()) co_return std::move(filter).error();
    auto watch = registry_.store().watch(kind, options.ns, since);
    if (watch.has_error()) co_return std::move(watch).error();
    std::unique_ptr<client::Watch> out = std::make_unique<LocalWatch>(std::move(*watch), std::move(*filter));
    co_return std::move(out);
  }

  Task<Result<ObjectPtr>> create(const Kind& kind, std::string ns, json::Value object,
                                 client::WriteOptions options) override {
    json::Parsed body{std::move(object), {}};
    Target where = target(kind, client::ObjectName{std::move(ns), {}}, {});
    auto written = co_await registry_.create(std::move(where), std::move(body), write_options(options));
    if (written.has_error()) co_return std::move(written).error();
    co_return std::move(written->object);
  }

  Task<Result<ObjectPtr>> update(const Kind& kind, client::ObjectName name, json::Value object, std::string subresource,
                                 client::WriteOptions options) override {
    json::Parsed body{std::move(object), {}};
    Target where = target(kind, std::move(name), std::move(subresource));
    auto written = co_await registry_.update(std::move(where), std::move(body), write_options(options));
    if (written.has_error()) co_return std::move(written).error();
    co_return std::move(written->object);
  }

  Task<Result<ObjectPtr>> patch(const Kind& kind, client::ObjectName name, client::PatchType type, json::Value patch,
                                std::string subresource, client::WriteOptions options) override {
    const PatchKind patch_kind = type == client::PatchType::json    ? PatchKind::json
                                 : type == client::PatchType::merge ? PatchKind::merge
                                                                    : PatchKind::strategic;
    Target where = target(kind, std::move(name), std::move(subresource));
    auto written = co_await registry_.patch(std::move(where), patch_kind, std::move(patch), write_options(options));
    if (written.has_error()) co_return std::move(written).error();
    co_return std::move(written->object);
  }

  Task<Result<void>> remove(const Kind& kind, client::ObjectName name, client::DeleteOptions options) override {
    DeleteOptions what;
    what.grace_seconds = options.grace_seconds;
    if (!options.uid.empty()) what.uid = std::move(options.uid);
    if (options.revision) what.resource_version = std::to_string(*options.revision);
    what.propagation = std::move(options.propagation);
    // Events that kring made are not on disk, so neither is that they expired: an idle node writes nothing.
    const auto durability = &kind == &kinds::event() ? store::Durability::memory : store::Durability::durable;
    auto deleted = co_await registry_.remove(target(kind, std::move(name), {}), std::move(what), durability);
    if (deleted.has_error()) co_return std::move(deleted).error();
    co_return Result<void>{};
  }

  Task<Result<void>> bind(client::ObjectName pod, std::string node) override {
    json::Object binding;
    json::Object where;
    where.append("kind", "Node");
    where.append("name", std::move(node));
    binding.append("target", std::move(where));
    co_return co_await api::bind(registry_, std::move(pod.ns), std::move(pod.name), std::move(binding), WriteOptions{});
  }

 private:
  static Target target(const Kind& kind, client::ObjectName name, std::string subresource) {
    return Target{&hub_of(kind), kind.namespaced ? std::move(name.ns) : std::string{}, std::move(name.name),
                  std::move(subresource)};
  }
  static WriteOptions write_options(client::WriteOptions options) {
    WriteOptions out;
    out.validation = Validation::strict;   // kring's own mistakes are bugs, not warnings
    out.recomputable = options.recomputable;
    return out;
  }

  Registry& registry_;
};

}  // namespace

std::unique_ptr<client::Client> make_local_client(Registry& registry) {
  return std::make_unique<LocalClient>(registry);
}

}  // namespace kring::api
