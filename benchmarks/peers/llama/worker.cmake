# Included by llama.cpp's own build, right after its project(): one more program beside llama-bench.
add_executable(llama-worker ${CMAKE_CURRENT_LIST_DIR}/worker.cpp)
target_compile_features(llama-worker PRIVATE cxx_std_17)
target_link_libraries(llama-worker PRIVATE llama)
set_target_properties(llama-worker PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
