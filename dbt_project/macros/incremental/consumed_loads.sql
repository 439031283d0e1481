{#-
    What an incremental model holds: which load of each landing day it was last built from. Raw says which loads there
    are; an incremental model downstream asks its parents, so that it can never take for seen what a parent has not
    seen yet. Comparing the two sets finds new days, days that landed again and days that are gone, in whatever order
    they were loaded; a watermark over load ids could not.
-#}
{% macro consumed_loads(relation) -%}
    {{ relation.database }}._assetops.consumed_loads
{%- endmacro %}


{#- The loads, by landing day, that a raw table or an incremental model holds now. -#}
{% macro loads_of(relation) -%}
    {%- if relation.schema == "raw" -%}
        select distinct _partition as landed_on, _load_id as load_id from {{ relation }}
    {%- else -%}
        select distinct landed_on, load_id
        from {{ consumed_loads(relation) }}
        where model = '{{ relation.schema }}.{{ relation.identifier }}'
    {%- endif -%}
{%- endmacro %}


{#- The loads of one parent that this model was last built from. -#}
{% macro loads_consumed_from(parent) -%}
    select landed_on, load_id
    from {{ consumed_loads(this) }}
    where
        model = '{{ this.schema }}.{{ this.identifier }}'
        and parent = '{{ parent.schema }}.{{ parent.identifier }}'
{%- endmacro %}


{#- The landing days on which this model and its parents differ, and those that the caller wants rebuilt. -#}
{% macro changed_landings(parents) -%}
    {%- for parent in parents %}
        {{ "union" if not loop.first }}
        select landed_on
        from
            (
                {{ loads_of(parent) }}
                except
                {{ loads_consumed_from(parent) }}
            ) as landed
        union
        select landed_on
        from
            (
                {{ loads_consumed_from(parent) }}
                except
                {{ loads_of(parent) }}
            ) as gone
        {%- if var("rebuild_from") %}
            union
            select landed_on
            from ({{ loads_of(parent) }}) as loads
            where
                landed_on
                between date '{{ var("rebuild_from") }}'
                and date '{{ var("rebuild_to") or var("rebuild_from") }}'
        {%- endif %}
    {%- endfor %}
{%- endmacro %}


{#- At the start of each run, before models run side by side: make the table that remembers, if there is none yet. -#}
{% macro ensure_consumed_loads() %}
    create schema if not exists {{ target.database }}._assetops;
    create table if not exists {{ target.database }}._assetops.consumed_loads (
        model varchar not null, parent varchar not null, landed_on date not null, load_id bigint not null
    );
{% endmacro %}


{#- Post-hook: remember what this model now holds, in the transaction that built it. -#}
{% macro remember_loads(parents) %}
    delete from {{ consumed_loads(this) }}
    where model = '{{ this.schema }}.{{ this.identifier }}'
    ;
    {%- for parent in parents %}
    insert into {{ consumed_loads(this) }}
    select
        '{{ this.schema }}.{{ this.identifier }}', '{{ parent.schema }}.{{ parent.identifier }}', landed_on, load_id
    from ({{ loads_of(parent) }}) as loads;
    {%- endfor %}
{% endmacro %}
