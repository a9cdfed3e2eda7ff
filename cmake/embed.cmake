# schemas/ goes into the program as text: the schema files are the one source of what an event is.
function(cw_embed_schemas target)
  file(GLOB files CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/schemas/*.avsc
       ${PROJECT_SOURCE_DIR}/schemas/types/*.avsc)
  set(out ${PROJECT_BINARY_DIR}/generated/cw_schemas.c)
  add_custom_command(OUTPUT ${out}
    COMMAND ${CMAKE_COMMAND} -DOUT=${out} "-DFILES=${files}" -P ${PROJECT_SOURCE_DIR}/cmake/embed_script.cmake
    DEPENDS ${files} ${PROJECT_SOURCE_DIR}/cmake/embed_script.cmake VERBATIM)
  add_custom_target(${target}_generated DEPENDS ${out})
  add_library(${target} INTERFACE)
  set(${target}_SOURCE ${out} PARENT_SCOPE)
endfunction()

# ingest/rates/reference.csv goes into the program as text: the list of rates that is built in.
function(cw_embed_rates target)
  set(file ${PROJECT_SOURCE_DIR}/ingest/rates/reference.csv)
  set(out ${PROJECT_BINARY_DIR}/generated/cw_rates.c)
  add_custom_command(OUTPUT ${out}
    COMMAND ${CMAKE_COMMAND} -DOUT=${out} -DRATES=${file} -P ${PROJECT_SOURCE_DIR}/cmake/embed_script.cmake
    DEPENDS ${file} ${PROJECT_SOURCE_DIR}/cmake/embed_script.cmake VERBATIM)
  target_sources(${target} PRIVATE ${out})
endfunction()
