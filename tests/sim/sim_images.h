// Images in simulation: what is here, and what a registry would give.
#pragma once

#include <map>
#include <set>
#include <string>

#include "runtime/images/images.h"

namespace kring::sim {

class SimImages final : public images::Images {
 public:
  std::map<std::string, images::Image> here;
  std::set<std::string> registry;
  size_t pulls = 0;

  void add(const std::string& name) {
    images::Image image;
    image.id = "sha256:" + name;
    image.references = {name};
    image.config.entrypoint = {name};
    image.layers = {"/layers/" + name};
    image.size_bytes = 1000;
    here[name] = std::move(image);
  }

  Result<std::optional<images::Image>> find(std::string_view reference) override {
    auto found = here.find(std::string{reference});
    if (found == here.end()) return std::optional<images::Image>{};
    return std::optional<images::Image>{found->second};
  }
  Result<std::vector<images::Image>> list() override {
    std::vector<images::Image> out;
    for (const auto& [name, image] : here) out.push_back(image);
    return out;
  }
  Task<Result<std::vector<images::Image>>> import(std::string, std::string) override {
    co_return Error{Reason::invalid, "nothing is imported in simulation"};
  }
  Task<Result<images::Image>> pull(std::string reference, std::vector<images::Credentials>) override {
    ++pulls;
    if (!registry.contains(reference)) co_return Error{Reason::not_found, "no such image"};
    add(reference);
    co_return here[reference];
  }
  Task<Result<void>> remove(std::string reference) override {
    here.erase(reference);
    co_return Result<void>{};
  }
  Task<Result<std::vector<std::string>>> verify() override { co_return std::vector<std::string>{}; }
  Task<Result<void>> collect(std::vector<std::string>) override { co_return Result<void>{}; }
};

}  // namespace kring::sim
