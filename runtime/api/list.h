// Lists: selection by labels and fields, pages at one revision.
// Invariant: all pages of one list show the state at the revision of its first page. The rest of a list that was cut by
// `limit` is kept (references to immutable objects) for a bounded number of lists; a token whose list is no longer kept
// is answered 410 with a token that goes on in the present, as Kubernetes does after a compaction.
// Source: meta/v1 ListOptions; KEP-365 (paginated lists), KEP-2340 (resourceVersionMatch).
#pragma once

#include <list>
#include <optional>
#include <string>
#include <vector>

#include "runtime/api/filter.h"
#include "runtime/api/options.h"
#include "runtime/store/store.h"

namespace kring::api {

struct Page {
  Revision revision = 0;
  std::vector<ObjectPtr> objects;
  std::string continue_token;          // empty: this was the last page
  std::optional<int64_t> remaining;    // unknown when a selector filters
};

class Lists {
 public:
  // The number of cut lists that are kept; each holds two words an object, and revisions that were replaced meanwhile.
  static constexpr size_t kept_max = 32;

  // `expired_continue` receives the token that goes on in the present when the answer is Reason::expired.
  Result<Page> page(const store::Store& store, const Kind& kind, const std::string& ns, const ListOptions& options,
                    const Filter& filter, std::string& expired_continue);
  size_t kept() const { return kept_.size(); }

 private:
  struct Kept {
    const Kind* kind = nullptr;
    std::string ns;
    Revision revision = 0;
    std::vector<ObjectPtr> objects;    // everything, unfiltered, in order
  };
  const Kept* find(const Kind& kind, const std::string& ns, Revision revision);
  void keep(const Kind& kind, const std::string& ns, Revision revision, const std::vector<ObjectPtr>& objects);

  std::list<Kept> kept_;               // most recently used first
};

}  // namespace kring::api
